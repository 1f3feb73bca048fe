/** Asks everybody who explains a kind, and makes one answer of theirs. */
import { errorMessage, type Env, type Logger, type Provider } from '@timonel/sdk';
import {
  boundedWhy,
  whyLimitBytes,
  type Cause,
  type ExplainedKind,
  type ExplainedObject,
  type Explainer,
  type Why,
} from '@timonel/sdk/contracts/why';

/** Kind, version and metadata come on top. */
const limitBytes = whyLimitBytes - 1024;

/** Who does not answer in this time is left out, and named. */
const answerLimitMs = 5000;

type Answer =
  | { readonly why: Why }
  | { readonly nothing: true }
  | { readonly failed: { readonly plugin: string; readonly message: string } };

const sameKind = (a: ExplainedKind, b: ExplainedKind): boolean => a.group === b.group && a.resource === b.resource;

export class Asker {
  readonly #all: () => readonly Provider<Explainer>[];
  readonly #env: Env;
  readonly #log: Logger;

  constructor(all: () => readonly Provider<Explainer>[], env: Env, log: Logger) {
    this.#all = all;
    this.#env = env;
    this.#log = log;
  }

  /** What can be explained, each kind once, in the order of their names. */
  kinds(): readonly ExplainedKind[] {
    const kinds = this.#all().flatMap(({ service }) => service.kinds());
    const unique = kinds.filter((kind, at) => kinds.findIndex((other) => sameKind(kind, other)) === at);
    return unique.toSorted((a, b) => `${a.resource}.${a.group}`.localeCompare(`${b.resource}.${b.group}`));
  }

  /** undefined: nobody knows the object. @throws Error when nobody could answer */
  async ask(object: ExplainedObject): Promise<Why | undefined> {
    const asked = this.#all().filter(({ service }) => service.kinds().some((kind) => sameKind(kind, object)));
    const answers = await Promise.all(asked.map((provider) => this.#answerOf(provider, object)));
    const failures = answers.flatMap((answer) => ('failed' in answer ? [answer.failed] : []));
    const whys = answers.flatMap((answer) => ('why' in answer ? [answer.why] : []));
    const [first, ...others] = whys;
    if (first !== undefined) return boundedWhy(merged(first, others, failures.map(failureCause)), limitBytes);
    const [failure] = failures;
    if (failure === undefined) return undefined;
    throw new Error(`${failure.plugin} could not explain it: ${failure.message}`);
  }

  async #answerOf({ plugin, service }: Provider<Explainer>, object: ExplainedObject): Promise<Answer> {
    const cut = new AbortController();
    try {
      const limit = this.#env.timers.sleep(answerLimitMs, cut.signal).then(() => {
        throw new Error(`no answer within ${answerLimitMs} ms`);
      });
      const why = await Promise.race([service.explain(object), limit]);
      return why === undefined ? { nothing: true } : { why };
    } catch (error) {
      const message = errorMessage(error);
      this.#log.warn({ plugin, object, error: message }, 'an explainer failed');
      return { failed: { plugin, message } };
    } finally {
      cut.abort();
    }
  }
}

function failureCause({ plugin, message }: { plugin: string; message: string }): Cause {
  return { component: plugin, code: 'explainer-failed', text: `${plugin} could not explain it: ${message}` };
}

/** State and summary are those of the first that has a cause. */
function merged(first: Why, others: readonly Why[], failures: readonly Cause[]): Why {
  const all = [first, ...others];
  const leading = all.find(({ causes }) => causes.length > 0) ?? first;
  const rest = all.filter((why) => why !== leading);
  const cut = all.flatMap((why) => why.cut ?? []);
  const facts = all.flatMap((why) => why.facts ?? []);
  return {
    ...leading,
    causes: [...leading.causes, ...rest.flatMap(({ causes }) => causes), ...failures],
    ...(facts.length === 0 ? {} : { facts }),
    decisions: [leading, ...rest].flatMap(({ decisions }) => decisions),
    ...(cut.length === 0 ? {} : { cut }),
  };
}
