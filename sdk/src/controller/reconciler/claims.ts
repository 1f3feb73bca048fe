import { controllerReference, type KubeObject, type ResourceType } from '../../kube/index.ts';
import type { Claims } from '../ownership.ts';
import { act, type Action } from './actions.ts';

/** Releases first, then adoptions, each fenced by the object's version. A refused one ends the pass. */
export function claimActions<T extends KubeObject>(
  type: ResourceType<T>,
  { adopt, release }: Claims<T>,
  owner: KubeObject,
  ownerType: ResourceType,
): Action[] {
  const released = release.map((object) => {
    const { ownerReferences: references = [], ...metadata } = object.metadata;
    const left = references.filter((reference) => reference.uid !== owner.metadata.uid);
    const next = { ...object, metadata: left.length > 0 ? { ...metadata, ownerReferences: left } : metadata };
    const text = `${object.metadata.name} does not match the selector any more`;
    return act.update(type, object, next, { cause: { code: 'SelectorDoesNotMatch', text } });
  });
  const adopted = adopt.map((object) => {
    const ownerReferences = [...(object.metadata.ownerReferences ?? []), controllerReference(owner, ownerType)];
    const next = { ...object, metadata: { ...object.metadata, ownerReferences } };
    const text = `${object.metadata.name} matches the selector and has no controller`;
    return act.update(type, object, next, { cause: { code: 'SelectorMatches', text } });
  });
  return [...released, ...adopted];
}
