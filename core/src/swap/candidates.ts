import { KernelError, didYouMean, type KernelErrorCode, type ServiceToken } from '@timonel/sdk';
import { tokensOf } from '../graph/check-definition.ts';
import type { KernelParts } from '../kernel/parts.ts';
import type { PluginRecord } from '../lifecycle/plugin-record.ts';

const offerOf = ({ entry }: PluginRecord, serviceId: string): [key: string, token: ServiceToken] | undefined =>
  tokensOf(entry.definition, 'provides').find(([, { id }]) => id === serviceId);

/** The plugin in charge of a service, also while it is in quarantine. @throws KernelError ERR_SERVICE_MISSING */
export function providerOf({ records: known }: KernelParts, serviceId: string): PluginRecord {
  const records = [...known.values()];
  const provider = records.find(
    (record) => record.enabled && record.state !== 'failed' && offerOf(record, serviceId) !== undefined,
  );
  if (provider !== undefined) return provider;
  const ids = records.flatMap(({ entry }) => tokensOf(entry.definition, 'provides').map(([, { id }]) => id));
  const hint = ids.includes(serviceId) ? ': enable one instead' : didYouMean(serviceId, ids);
  throw new KernelError('ERR_SERVICE_MISSING', `no enabled plugin provides service '${serviceId}'${hint}`);
}

/** The error of the code that is given, on behalf of `plugin`. */
export function refusal(code: KernelErrorCode, { name: plugin }: PluginRecord, text: string): KernelError {
  return new KernelError(code, text, { plugin });
}

/** How `candidate` offers the service that `provider` is in charge of. @throws KernelError with `code` when it cannot stand in. */
export function standIn(
  code: KernelErrorCode,
  serviceId: string,
  provider: PluginRecord,
  candidate: PluginRecord,
): [key: string, token: ServiceToken] {
  const { name, life } = candidate;
  const offer = offerOf(candidate, serviceId);
  if (candidate === provider) {
    throw refusal(code, candidate, `plugin '${name}' provides service '${serviceId}' already`);
  }
  if (life !== undefined && life.aside === undefined) throw refusal(code, candidate, `plugin '${name}' runs already`);
  if (offer === undefined) {
    throw refusal(code, candidate, `plugin '${name}' does not provide service '${serviceId}'`);
  }
  if (offerOf(provider, serviceId)?.[1].cardinality !== 'one') {
    throw refusal(code, candidate, `service '${serviceId}' has many providers: enable and disable them`);
  }
  return offer;
}
