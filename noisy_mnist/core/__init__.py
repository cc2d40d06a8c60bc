"""What everything else stands on: errors, whole files, tables, the stage runner, reading params.yaml."""
