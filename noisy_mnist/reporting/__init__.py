"""From the results of single runs to metrics, tables and figures."""
