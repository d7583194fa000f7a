"""One trial: data, models, training, evaluation. Knows neither Ray, MLflow nor the orchestrator."""
