/** get and list of kinds whose objects are made at each read. */
import type { ListedContext } from '@timonel/sdk/contracts/api-server';
import type { KubeList, KubeObject } from '@timonel/sdk/kube';
import { selectionOf } from '../cache/selection.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { notFound } from './api-errors.ts';
import type { SelectionOptions } from './reader.ts';

export class UnstoredReader {
  readonly #health: ListedContext['health'];

  constructor(health: ListedContext['health']) {
    this.#health = health;
  }

  /** @throws ApiError NotFound */
  async get(kind: Kind, namespace: string | undefined, name: string): Promise<KubeObject> {
    const objects = await this.#objects(kind, namespace);
    const object = objects.find(({ metadata }) => metadata.name === name);
    if (object === undefined) throw notFound(kind, name);
    return object;
  }

  async list(kind: Kind, query: SelectionOptions): Promise<KubeList<KubeObject>> {
    const objects = await this.#objects(kind, query.namespace);
    const { matches } = selectionOf(kind.definition, query);
    const items = matches === undefined ? objects : objects.filter(matches);
    return { kind: `${kind.definition.kind}List`, apiVersion: kind.apiVersion, metadata: {}, items };
  }

  async #objects(kind: Kind, namespace: string | undefined): Promise<KubeObject[]> {
    const { definition, apiVersion } = kind;
    const context = { health: this.#health, ...(namespace === undefined ? {} : { namespace }) };
    const objects = (await definition.listed?.(context)) ?? [];
    const inScope =
      namespace === undefined ? objects : objects.filter(({ metadata }) => metadata.namespace === namespace);
    return inScope.map((object) => ({ kind: definition.kind, ...object, apiVersion }));
  }
}
