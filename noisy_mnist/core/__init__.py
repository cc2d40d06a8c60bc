"""The foundation of the other layers: errors, atomic file writes, tables, the stage runner, reading params.yaml."""
