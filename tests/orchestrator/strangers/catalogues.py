"""The two catalogues: mistakes, and attacks."""

from tests.orchestrator.strangers.hostile_content import HOSTILE_CONTENT
from tests.orchestrator.strangers.hostile_places import HOSTILE_PLACES
from tests.orchestrator.strangers.malformed_files import MALFORMED_FILES
from tests.orchestrator.strangers.malformed_settings import MALFORMED_SETTINGS

MALFORMED = (*MALFORMED_SETTINGS, *MALFORMED_FILES)
HOSTILE = (*HOSTILE_CONTENT, *HOSTILE_PLACES)
