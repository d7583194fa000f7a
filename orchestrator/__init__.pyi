from orchestrator.detector import Detector as Detector
from orchestrator.notebook.results import load_results as load_results
from orchestrator.notebook.study import Study as Study

__version__: str
