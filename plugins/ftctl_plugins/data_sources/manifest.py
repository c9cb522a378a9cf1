"""The data sources that come with ftctl."""

from ftctl.plugin import NETWORK, Need, Offer, hookimpl

DOCUMENTS = ("pypdf", "docx", "trafilatura")


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        _offer(
            "jsonl", "JSONL, JSON, CSV and Parquet files with messages, ShareGPT, Alpaca, prompt/completion or text"
        ),
        _offer("csv", "CSV files"),
        _offer("parquet", "Parquet files", needs=("pyarrow",)),
        _offer("documents", "Sections of PDF, DOCX, HTML, Markdown and text files", needs=DOCUMENTS),
        _offer("hub", "A data set of the Hugging Face hub, or a folder in its layout", capabilities=(NETWORK,)),
        _offer("mix", "Several files, sampled by weight"),
        _offer("pydoc", "Examples built from the Python it runs on: signatures, docstrings, documentation text"),
    ]


def _offer(name: str, summary: str, needs: tuple[str, ...] = (), capabilities: tuple[str, ...] = ()) -> Offer:
    module, kind = f"ftctl_plugins.data_sources.{name}", name.capitalize()
    return Offer(
        port="data_source",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}Source",
        options=f"{module}:{kind}Options",
        capabilities=capabilities,
        needs=tuple(Need(need, "ftctl[data]") for need in needs),
    )
