"""Noise in outcomes: lucky guesses in hard questions are not learnt from (paper: Data Refinement).

A question is hard where few candidates are right (``actors.examiner.circle``). A right outcome
there is believed if it stayed right under every rotation of the options (circle test), which
OUTCOMES may say in ``circle``; one that did not is left out: neither a positive nor, having been
right once, a negative. Wrong outcomes stay as they are. No test is made here: rotated questions are
the examiner's to ask.
"""

import pyarrow as pa
import pyarrow.compute as pc

from actors.examiner.circle import hard_questions
from cluster.settings import RefinementSettings
from cluster.tables import RIGHT

BY_DEFAULT = RefinementSettings()


def refined(outcomes: pa.Table, settings: RefinementSettings) -> pa.Table:
    """OUTCOMES without the right ones that are not believed; the others keep their order.

    How many candidates are right in a question is counted over all that ``outcomes`` hold.
    """
    right = pc.greater_equal(outcomes["score"], RIGHT)
    few = hard_questions(outcomes, settings.hard_share)
    hard = pc.is_in(outcomes["question_id"], value_set=few)
    stood = pc.fill_null(outcomes["circle"], settings.untested == "keep")
    return outcomes.filter(pc.invert(pc.and_(pc.and_(right, hard), pc.invert(stood))))
