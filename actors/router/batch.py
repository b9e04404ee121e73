"""Routes a whole data set of instructions on Ray Data: score, choose, answer, write.

Rows are grouped by the candidate that was chosen, so that each engine gets full batches and only
one engine's weights are loaded at a time. A candidate whose part is written is not asked again.

    routed/NAME/scored/       every instruction with its scores and the chosen candidate
    routed/NAME/answers/ID/   the CHOICES rows of one candidate
    routed/NAME/complete.json how many rows went to which candidate; written last
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from actors.candidate.batch import batch_engine
from actors.candidate.engine import Sampling
from actors.examiner.card import CapabilityCard
from actors.examiner.exam import load_cards
from actors.router.policy import best_quality
from actors.selector.checkpoint import tuned_test
from actors.selector.instruction import instruction_text
from actors.selector.scoring import Selector
from cluster.errors import SettingsError, StoreError
from cluster.settings import Settings
from cluster.store import MARKER, Store
from cluster.tables import CHOICES, check_instructions
from cluster.zoo import Zoo
