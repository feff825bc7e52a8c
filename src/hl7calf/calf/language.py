"""Is the order text English? Where it is in a language that is not switched on, the rule stays off (gate X28).

Law: function words and the plainest words of the leg decide, not medical ones, which are shared; a few foreign words
in an English order do not make it foreign. A language whose lexicon is loaded is not foreign.
"""

from collections.abc import Iterable

from hl7calf.calf.passages import Passage

ENGLISH = frozenset(
    "the of with and on for in pain left right rule out no has is to eval leg calf swelling seen hx pt per from".split()
)
WORDS = {
    "es": frozenset(
        "de del la el los las en con sin por para izquierda izquierdo izq derecha derecho pantorrilla dolor pierna "
        "calcificacion calcificaciones descartar eco una un y o tvp trombosis".split()
    ),
    "fr": frozenset(
        "le les des du au aux dans avec sans gauche droit droite mollet douleur et chez une un jambe recherche pas de "
        "la en par pour thrombose tvp echo".split()
    ),
    "de": frozenset(
        "der die das und mit ohne im am bei rechts links linke rechte wade verkalkung verkalkungen schmerz schmerzen "
        "ausschluss unterschenkel keine nach seit zur von tvt thrombose".split()
    ),
    "pt": frozenset(
        "da do na no com sem esquerda esquerdo direita direito panturrilha dor calcificacao edema perna suspeita de e "
        "ou para em trombose tvp".split()
    ),
}
SHARED = frozenset("no le la do da des en y e o il am im".split())


def is_foreign(passages: Iterable[Passage], languages: Iterable[str] = ()) -> bool:
    """Tell whether the order's free text is Spanish, French, German or Portuguese rather than a language in use.

    Args:
        languages: those whose lexicon is loaded (`es`, `fr`, `de`, `pt`); English always is.
    """
    known = ENGLISH.union(*(WORDS.get(language, frozenset()) for language in languages))
    strange = frozenset().union(*WORDS.values()) - known - SHARED
    own = foreign = 0
    for passage in passages:
        if passage.kind == "text":
            for token in passage.tokens:
                own += token.norm in known
                foreign += token.norm in strange
    return foreign >= 2 and foreign > own
