/** What the ConfigMap with the cluster's authority needs. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, jsonEqual, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { configMaps, type ConfigMap, type Namespace } from '@timonel/sdk/kube';

export const bundleName = 'kube-root-ca.crt';
const bundleKey = 'ca.crt';
const descriptionKey = 'kubernetes.io/description';
const description =
  'The authorities by which pods verify the API server under its addresses inside the cluster, such as kubernetes.default.svc. Not meant for anything else.';

export interface Observed extends Observation<Namespace> {
  /** As the cache shows it. */
  readonly bundle: ConfigMap | undefined;
  readonly authorityPem: string;
}

function isTerminating({ metadata, status }: Namespace): boolean {
  return metadata.deletionTimestamp !== undefined || status?.phase === 'Terminating';
}

function isRight(bundle: ConfigMap, authorityPem: string): boolean {
  const { data, binaryData = {}, metadata } = bundle;
  const isAlone = Object.keys(binaryData).length === 0;
  return isAlone && jsonEqual(data, { [bundleKey]: authorityPem }) && Boolean(metadata.annotations?.[descriptionKey]);
}

function rightOne(bundle: ConfigMap, authorityPem: string): ConfigMap {
  const { binaryData: _, ...rest } = bundle;
  const annotations = { ...bundle.metadata.annotations };
  annotations[descriptionKey] ||= description;
  return { ...rest, metadata: { ...bundle.metadata, annotations }, data: { [bundleKey]: authorityPem } };
}

export function reconcile({ subject, bundle, authorityPem }: Observed): Reconciliation {
  if (subject === undefined || isTerminating(subject)) return { actions: [] };
  if (bundle === undefined) {
    const { name: namespace = '' } = subject.metadata;
    const metadata = { name: bundleName, namespace };
    const cause = { code: 'BundleMissing', text: `the namespace has no ConfigMap ${bundleName}` };
    return { actions: [act.create(configMaps, rightOne({ metadata }, authorityPem), { cause })] };
  }
  if (bundle.metadata.deletionTimestamp !== undefined || isRight(bundle, authorityPem)) return { actions: [] };
  if (bundle.immutable === true) {
    const cause = { code: 'BundleImmutable', text: `${bundleName} holds something else and cannot be changed` };
    return { actions: [act.delete(configMaps, bundle, { cause })] };
  }
  const cause = { code: 'BundleDiffers', text: `${bundleName} does not hold the cluster's authority, or not only it` };
  return { actions: [act.update(configMaps, bundle, rightOne(bundle, authorityPem), { cause })] };
}

/** For pods that wait for the ConfigMap: why their namespace has none. */
export function explain(observed: Observed): readonly Cause[] {
  return reconcile(observed).actions.map(({ cause }) => ({ component: 'controller-rootca', ...cause }));
}
