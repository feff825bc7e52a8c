"""Is the order text English? Where it is not, the English language rules stay off (gate X28).

Law: function words decide, not medical ones, which are shared; a few foreign words in an English order do not
make it foreign.
"""

from collections.abc import Iterable

from hl7calf.calf.passages import Passage

ENGLISH = frozenset(
    "the of with and on for in pain left right rule out no has is to eval leg calf swelling seen hx pt per from".split()
)
FOREIGN = frozenset(
    "de del la el los las en con sin por para izquierda izquierdo izq derecha derecho pantorrilla dolor pierna "
    "calcificacion calcificaciones descartar eco le les des du au aux dans avec sans gauche droit droite "
    "mollet douleur et chez une un jambe recherche pas der die das und mit ohne im am bei rechts links linke "
    "rechte wade verkalkung verkalkungen schmerz schmerzen ausschluss unterschenkel keine nach seit da do na "
    "no com sem esquerda esquerdo direita direito panturrilha dor calcificacao edema perna suspeita tvp tvt "
    "trombosis thrombose trombose il della nel bilaterale y e o ou zur von".split()
)
SHARED = frozenset("no le la do da des en y e o il am im".split())


def is_foreign(passages: Iterable[Passage]) -> bool:
    """Tell whether the order's free text is in Spanish, French, German or Portuguese rather than English."""
    english = foreign = 0
    for passage in passages:
        if passage.kind == "text":
            for token in passage.tokens:
                english += token.norm in ENGLISH
                foreign += token.norm in FOREIGN and token.norm not in SHARED
    return foreign >= 2 and foreign > english
