/** MutatingAdmissionPolicies for tests. */
import { expect } from '@jest/globals';
import type { TestApiServer } from './api-server.ts';
import { eventually, type Json } from './crds.ts';

export const registration = '/apis/admissionregistration.k8s.io/v1';
const maps = '/api/v1/namespaces/default/configmaps';

/** Rules of core/v1 and others. */
export const rulesOf = (resource: string, group = '', version = 'v1'): Json => ({
  resourceRules: [
    { operations: ['CREATE', 'UPDATE'], apiGroups: [group], apiVersions: [version], resources: [resource] },
  ],
});

export const applied = (expression: string): Json => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression },
});
export const patched = (expression: string): Json => ({ patchType: 'JSONPatch', jsonPatch: { expression } });

/** Puts policies into force, and takes them out. */
export class MutatingPolicies {
  readonly #server: TestApiServer;
  readonly #made: string[] = [];
  #count = 0;

  constructor(server: TestApiServer) {
    this.#server = server;
  }

  /** Mutates config maps unless `spec` says otherwise. Names grow with each. */
  async enforce(mutations: readonly Json[], spec: Json = {}, binding: Json = {}): Promise<string> {
    const name = `policy-${String((this.#count += 1)).padStart(3, '0')}`;
    const full = { matchConstraints: rulesOf('configmaps'), reinvocationPolicy: 'Never', mutations, ...spec };
    await this.#make('mutatingadmissionpolicies', name, full);
    await this.#make('mutatingadmissionpolicybindings', name, { policyName: name, ...binding });
    await this.#known(name);
    return name;
  }

  async #make(resource: string, name: string, spec: Json): Promise<void> {
    const path = `${registration}/${resource}`;
    const { status, body } = await this.#server.send('POST', path, { body: { metadata: { name }, spec } });
    expect({ status, message: body.message as unknown }).toEqual({ status: 201, message: undefined });
    this.#made.push(`${path}/${name}`);
  }

  async clear(): Promise<void> {
    for (const path of this.#made.splice(0)) await this.#server.send('DELETE', path);
    await this.#known('gone');
  }

  /** Whether what was made, changed or deleted last is known: a policy that is made after it is in force. */
  async #known(of: string): Promise<void> {
    const name = `zz-probe-${of}-${(this.#count += 1)}`;
    const probe = `probe-${this.#count}`;
    const expression = `object.metadata.name == '${probe}' ? Object{data: {'probed': 'yes'}} : Object{}`;
    const spec = {
      matchConstraints: rulesOf('configmaps'),
      reinvocationPolicy: 'Never',
      mutations: [applied(expression)],
    };
    const paths: string[] = [];
    for (const [resource, its] of [
      ['mutatingadmissionpolicies', spec],
      ['mutatingadmissionpolicybindings', { policyName: name }],
    ] as const) {
      const path = `${registration}/${resource}`;
      expect(await this.#server.send('POST', path, { body: { metadata: { name }, spec: its } })).toMatchObject({
        status: 201,
      });
      paths.push(`${path}/${name}`);
    }
    await eventually(`policies are known: ${of}`, async () => {
      const { body } = await this.#server.send('POST', `${maps}?dryRun=All`, { body: { metadata: { name: probe } } });
      expect(body.data?.probed === 'yes' || String(body.message).includes('denied request')).toBe(true);
    });
    for (const path of paths) await this.#server.send('DELETE', path);
  }
}
