import type { AnyPlugin } from '@timonel/sdk';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import {
  defineController,
  keysFrom,
  keysOfAuthorityChanges,
  type Informer,
  type KeySource,
} from '@timonel/sdk/controller';
import { configMaps, namespaces, type ConfigMap, type Namespace } from '@timonel/sdk/kube';
import { bundleName, explain, reconcile } from './reconcile.ts';

interface Inputs {
  readonly namespaces: Informer<Namespace>;
  /** Those of this one name: the others of the cluster are nobody's business here. */
  readonly bundles: Informer<ConfigMap>;
  readonly authorities: KeySource;
}

const plugin: AnyPlugin = defineController({
  name: 'controller-rootca',
  version: '0.1.0',
  description:
    'Keeps a ConfigMap kube-root-ca.crt in every namespace, with the authority that vouches for the API server.',
  component: 'root-ca-certificate-publisher',
  subject: namespaces,
  requires: { endpoint: apiEndpoint },
  inputs({ informers, env, deps }): Inputs {
    const all = informers.for(namespaces);
    return {
      namespaces: all,
      bundles: informers.for(configMaps, { fieldSelector: `metadata.name=${bundleName}` }),
      authorities: keysOfAuthorityChanges(env, deps.endpoint, all, ({ metadata }) => metadata.name ?? ''),
    };
  },
  sources: (inputs) => [
    keysFrom(inputs.namespaces, ({ metadata }) => [metadata.name ?? '']),
    keysFrom(inputs.bundles, ({ metadata }) => [metadata.namespace ?? '']),
    inputs.authorities,
  ],
  observe(key, inputs, now, { deps }) {
    const subject = inputs.namespaces.get(key);
    if (subject === undefined) return undefined;
    const bundle = inputs.bundles.get(`${key}/${bundleName}`);
    return { ...now, subject, bundle, authorityPem: deps.endpoint.caCertificate() };
  },
  // What it acts on is a name and a version: a namespace that is gone or going refuses by itself.
  confirm: false,
  reconcile,
  explain,
});

export default plugin;
