"""How often answers break a policy."""

from collections.abc import Sequence

from ftctl.domain import Example, Report, mean_metric
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target, answered
from ftctl_moderation.classifier import Classifier
from ftctl_moderation.policy import RESERVED, read_policy


@options
class ModerationOptions:
    policy: str | None = option(None, help="TOML file of categories; null: personal data of every kind.")
    max_new_tokens: int = option(128, help="Where an answer is cut.", ge=1)
    classifier_url: str | None = option(None, help="OpenAI-compatible address, such as http://127.0.0.1:8000/v1.")
    classifier_model: str = option("omni-moderation-latest", help="The model that is asked there.")
    classifier_key_env: str | None = option(None, help="Name of the environment variable that holds its key.")


class Moderation(Evaluator):
    """Every answer is looked at for every category."""

    def __init__(self, options: ModerationOptions) -> None:
        self._options = options
        self._categories = read_policy(options.policy)
        if options.classifier_url and not options.classifier_url.startswith(("http://", "https://")):
            raise ConfigInvalid("evaluators: classifier_url must begin with http:// or https://")
        where, model, key = options.classifier_url, options.classifier_model, options.classifier_key_env
        self._classifier = Classifier(where, model, key) if where else None

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        told = target.generate([example.prompt for example in data], self._options.max_new_tokens)
        asked, answers, missing = answered(data, told)
        texts = [answer.text for answer in answers]
        context.stop_if_cancelled()
        found = {one.name: [one.found(text) for text in texts] for one in self._categories}
        if self._classifier:
            found[RESERVED] = self._classifier.flagged(texts)
        names = tuple(found)
        hits = {name: [float(bool(one)) for one in found[name]] for name in names}
        anything = [max(values) for values in zip(*hits.values(), strict=True)]
        told = {"flagged": anything} | {f"flagged_{name}": hits[name] for name in names}
        metrics = tuple(mean_metric(name, values, unit="share", direction="lower") for name, values in told.items())
        records = tuple(
            {"where": example.where, "found": {name: found[name][place] for name in names if found[name][place]}}
            for place, example in enumerate(asked)
        )
        return Report("moderation", metrics, records + missing)
