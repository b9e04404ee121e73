"""Noise in outcomes: lucky guesses are not learnt from (paper: Data Refinement).

Whether a right outcome stayed right under every rotation of the options (circle test), OUTCOMES may
say in ``circle``. One that did not is left out: neither a positive nor, having been right once, a
negative. That holds in any question: one that was hard among the candidates that were collected may
be easy among those tuned on. Of right outcomes that were not tested the settings say whether they
are believed in hard questions, where few candidates are right (``actors.examiner.circle``); in
others they are. Wrong outcomes stay as they are. No test is made here: rotated questions are the
examiner's to ask.
"""

import pyarrow as pa
import pyarrow.compute as pc

from actors.examiner.circle import hard_questions
from cluster.settings import RefinementSettings
from cluster.tables import RIGHT

BY_DEFAULT = RefinementSettings()


def refined(outcomes: pa.Table, settings: RefinementSettings) -> pa.Table:
    """OUTCOMES without the right ones that are not believed; the others keep their order.

    How many candidates are right in a question is counted over all that ``outcomes`` hold. With
    ``hard_share`` 0 all are believed.
    """
    if settings.hard_share == 0:
        return outcomes
    right = pc.greater_equal(outcomes["score"], RIGHT)
    few = hard_questions(outcomes, settings.hard_share)
    easy = pc.invert(pc.is_in(outcomes["question_id"], value_set=few))
    untested = easy if settings.untested == "drop" else True
    believed = pc.coalesce(outcomes["circle"], untested)
    return outcomes.filter(pc.or_(pc.invert(right), believed))
