/** Acted on by the plugin api-fairness. */
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { child, fill, made, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, nameColumn, none, shown, textAt } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';

function defaultLevel(level: Json): void {
  const spec = child(level, 'spec');
  fill(child(spec, 'exempt'), { nominalConcurrencyShares: 0, lendablePercent: 0 });
  if (spec?.['type'] === 'Exempt') fill(made(spec, 'exempt'), { nominalConcurrencyShares: 0, lendablePercent: 0 });
  const limited = child(spec, 'limited');
  fill(limited, { nominalConcurrencyShares: 30, lendablePercent: 0 });
  const response = child(limited, 'limitResponse');
  if (response?.['type'] === 'Queue')
    fill(child(response, 'queuing'), { queues: 64, handSize: 8, queueLengthLimit: 50 });
}

function checkQueuing(queuing: Part): void {
  const [queues, hand] = [queuing.number('queues') ?? 0, queuing.number('handSize') ?? 0];
  for (const name of ['queues', 'handSize', 'queueLengthLimit'])
    if ((queuing.number(name) ?? 0) <= 0) queuing.invalid(name, 'must be positive');
  if (hand > queues) queuing.invalid('handSize', `should not be greater than queues (${queues})`);
  if (queues > 10_000_000) queuing.invalid('queues', 'must not be greater than 10000000');
}

function check(level: Part): void {
  const spec = level.at('spec');
  const type = spec.text('type');
  spec.oneOf('type', ['Exempt', 'Limited']);
  if (type === 'Exempt') spec.forbid('limited', 'must be nil if the type is not Limited');
  if (type !== 'Limited') return;
  spec.forbid('exempt', 'must be nil if the type is Limited');
  const limited = spec.at('limited');
  if (!limited.present) {
    spec.missing('limited', 'must not be empty when type is Limited');
    return;
  }
  limited.nonNegative('nominalConcurrencyShares');
  limited.within('lendablePercent', 0, 100);
  const response = limited.at('limitResponse');
  response.oneOf('type', ['Queue', 'Reject']);
  if (response.text('type') === 'Reject')
    response.forbid('queuing', 'must be nil if limited.limitResponse.type is not Limited');
  if (response.text('type') !== 'Queue') return;
  if (response.at('queuing').present) checkQueuing(response.at('queuing'));
  else response.missing('queuing', 'must not be empty if limited.limitResponse.type is Limited');
}

const limitedCell =
  (name: string): ((level: unknown) => string) =>
  (level) =>
    textAt(level, `spec.limited.${name}`, none);

export const priorityLevelConfigurationKind: ResourceDefinition = describedKind({
  group: 'flowcontrol.apiserver.k8s.io',
  kind: 'PriorityLevelConfiguration',
  resource: 'prioritylevelconfigurations',
  namespaced: false,
  generation: true,
  status: {},
  default: defaultLevel,
  check,
  columns: [
    nameColumn,
    shown('Type', 'Exempt or Limited.', (level) => textAt(level, 'spec.type')),
    shown(
      'NominalConcurrencyShares',
      'Its share of requests at once.',
      (level) =>
        textAt(level, 'spec.limited.nominalConcurrencyShares') ||
        textAt(level, 'spec.exempt.nominalConcurrencyShares', none),
    ),
    shown('Queues', 'The number of its queues.', limitedCell('limitResponse.queuing.queues')),
    shown('HandSize', 'Queues that one flow may use.', limitedCell('limitResponse.queuing.handSize')),
    shown(
      'QueueLengthLimit',
      'Requests that one queue may hold.',
      limitedCell('limitResponse.queuing.queueLengthLimit'),
    ),
    ageColumn,
  ],
});
