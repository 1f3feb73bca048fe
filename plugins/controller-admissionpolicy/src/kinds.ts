/** The kinds that a policy is about, with the types that their schemas say. */
import { celTypeOfSchema, type CelSchema, type CelType } from '@timonel/sdk/cel';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ResourceProvider } from '@timonel/sdk/contracts/api-server';
import { apiVersionOf, customResourceDefinitions, type AdmissionRule } from '@timonel/sdk/kube';
import { inlined } from './inlined-schema.ts';

/** Checks are made for so many kinds; further ones are passed over, as in Kubernetes. */
const mostKinds = 10;

export interface CheckedKind {
  /** `apps/v1, Kind=Deployment`: how warnings name it. */
  readonly name: string;
  /** Of its objects. */
  readonly type: CelType;
}

interface Found {
  readonly apiVersion: string;
  readonly kind: string;
  readonly resource: string;
  readonly schema: () => CelSchema | undefined;
}

export interface KindParts {
  readonly api: Pick<ApiClient, 'list'>;
  readonly providers: readonly ResourceProvider[];
}

/** All that are served: of this API server, and of CustomResourceDefinitions. */
async function servedKinds({ api, providers }: KindParts): Promise<readonly Found[]> {
  const builtIn = providers.flatMap((provider) =>
    provider.definitions().map((definition): Found => {
      const { kind, resource, schema } = definition;
      return {
        apiVersion: apiVersionOf(definition),
        kind,
        resource,
        schema: () => inlined(schema, provider.schemas()),
      };
    }),
  );
  const { items } = await api.list(customResourceDefinitions);
  const custom = items.flatMap(({ spec: { group, names, versions } }) =>
    versions
      .filter(({ served }) => served)
      .map(({ name, schema }): Found => {
        const { kind, plural: resource } = names;
        const given = schema?.openAPIV3Schema as CelSchema | undefined;
        return { apiVersion: `${group}/${name}`, kind, resource, schema: () => given };
      }),
  );
  return [...builtIn, ...custom];
}

/** Rules that name everything of something name no kind, and subresources have other ones. */
function namedIn({ apiGroups = [], apiVersions = [], resources = [] }: AdmissionRule): ReadonlySet<string> {
  const plain = (values: readonly string[]): readonly string[] => (values.includes('*') ? [] : values);
  const names = plain(apiGroups).flatMap((group) =>
    plain(apiVersions).flatMap((version) =>
      resources
        .filter((resource) => !/[*/]/.test(resource))
        .map((resource) => `${apiVersionOf({ group, version })}/${resource}`),
    ),
  );
  return new Set(names);
}

function typed({ apiVersion, kind, schema }: Found): CheckedKind | undefined {
  const known = schema();
  const type = known === undefined ? undefined : celTypeOfSchema(known, { root: true });
  return type === undefined ? undefined : { name: `${apiVersion}, Kind=${kind}`, type };
}

export interface KindsOfPolicy {
  /** By name. */
  readonly objects: readonly CheckedKind[];
  /** Undefined: it takes none, or nobody serves them. */
  readonly params: CelType | undefined;
}

export async function kindsOf(
  rules: readonly AdmissionRule[],
  paramKind: { readonly apiVersion: string; readonly kind: string } | undefined,
  parts: KindParts,
): Promise<KindsOfPolicy> {
  const served = await servedKinds(parts);
  const named = new Set(rules.flatMap((rule) => [...namedIn(rule)]));
  const objects = served
    .filter(({ apiVersion, resource }) => named.has(`${apiVersion}/${resource}`))
    .toSorted((a, b) => (`${a.apiVersion}/${a.kind}` < `${b.apiVersion}/${b.kind}` ? -1 : 1))
    .slice(0, mostKinds)
    .map(typed)
    .filter((kind) => kind !== undefined);
  const params = served.find(({ apiVersion, kind }) => apiVersion === paramKind?.apiVersion && kind === paramKind.kind);
  return { objects, params: params === undefined ? undefined : typed(params)?.type };
}
