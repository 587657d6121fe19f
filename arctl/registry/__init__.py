"""The only door to runs.db.

`rows` is what comes out, `read` looks, `write` records what people do, `ingest` records what runs and schedulers say,
`connect` opens, `tables` is the schema. Nothing heavy is imported here: only making a registry loads sqlmodel.
"""
