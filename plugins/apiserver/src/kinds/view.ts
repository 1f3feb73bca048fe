/** Shows the objects of one kind in the shape of another: conversion at the edge. Each revision is converted at most once. */
import type { ResourceDefinition, StoredAs } from '@timonel/sdk/contracts/api-server';
import { apiVersionOf, type KubeObject } from '@timonel/sdk/kube';
import { StoredObject } from '../cache/stored-object.ts';
import { deepFreeze, type JsonObject } from '../json/plain-json.ts';
import type { Written } from '../registry/request.ts';
import type { Kind } from './kind-table.ts';
import { encodeObject } from './object-codec.ts';

export class View {
  /** The kind whose objects are shown. */
  readonly stored: Kind;
  readonly #type: { readonly kind: string; readonly apiVersion: string };
  readonly #conversion: StoredAs;
  readonly #objects = new WeakMap<KubeObject, KubeObject>();
  readonly #made = new WeakMap<StoredObject, StoredObject>();

  constructor(definition: ResourceDefinition, conversion: StoredAs, stored: Kind) {
    this.stored = stored;
    this.#conversion = conversion;
    this.#type = { kind: definition.kind, apiVersion: apiVersionOf(definition) };
  }

  /** The shape of the view of a frozen object. Frozen. */
  convert(object: KubeObject): KubeObject {
    let shown = this.#objects.get(object);
    if (shown === undefined) {
      shown = deepFreeze(this.shapeOf(object));
      this.#objects.set(object, shown);
    }
    return shown;
  }

  /** The same for a private copy, which the result shares parts with. */
  shapeOf(object: KubeObject): KubeObject {
    return { ...this.#type, ...typeless(this.#conversion.fromStored(object)) };
  }

  present(stored: StoredObject): StoredObject {
    let shown = this.#made.get(stored);
    if (shown === undefined) {
      const object = this.convert(stored.object);
      shown = new StoredObject(stored.key, stored.revision, encodeObject(object), object);
      this.#made.set(stored, shown);
    }
    return shown;
  }

  show(written: Written): Written {
    const object = this.convert(written.object);
    const { resourceVersion } = object.metadata;
    // A dry run leaves an object without a version.
    if (resourceVersion === undefined) return { object, wire: Buffer.from(JSON.stringify(object)) };
    return { object, wire: new StoredObject('', Number(resourceVersion), encodeObject(object), object).wire };
  }

  /** The stored shape of a private object of the view. */
  enter(object: JsonObject): JsonObject {
    const stored = this.#conversion.toStored(object as unknown as KubeObject);
    const { kind } = this.stored.definition;
    return { kind, apiVersion: this.stored.apiVersion, ...typeless(stored) };
  }
}

function typeless({ kind: _kind, apiVersion: _version, ...rest }: KubeObject): Omit<KubeObject, 'kind' | 'apiVersion'> {
  return rest;
}
