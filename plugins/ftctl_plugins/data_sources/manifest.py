"""The data sources that come with ftctl."""

from ftctl.plugin import Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        Offer(
            port="data_source",
            name="jsonl",
            summary="Rows of files: messages, ShareGPT, Alpaca, prompt/completion, text; JSONL, JSON, CSV, Parquet",
            factory="ftctl_plugins.data_sources.jsonl:JsonlSource",
            options="ftctl_plugins.data_sources.jsonl:JsonlOptions",
        ),
        Offer(
            port="data_source",
            name="mix",
            summary="Rows of several files, drawn by their shares",
            factory="ftctl_plugins.data_sources.mix:MixSource",
            options="ftctl_plugins.data_sources.mix:MixOptions",
        ),
        Offer(
            port="data_source",
            name="pydoc",
            summary="Examples built from the Python it runs on: signatures, docstrings, documentation text",
            factory="ftctl_plugins.data_sources.pydoc:PydocSource",
            options="ftctl_plugins.data_sources.pydoc:PydocOptions",
        ),
    ]
