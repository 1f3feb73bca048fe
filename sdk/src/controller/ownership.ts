/** Adoption and release: which objects belong to a controller by its selector and their controller reference. */
import type { ApiClient } from '../contracts/api/index.ts';
import {
  controllerOf,
  isNotFound,
  matchesSelector,
  type KubeObject,
  type ResourceType,
  type Selector,
} from '../kube/index.ts';

/** What {@link planClaims} decided. The lists are disjoint. */
export interface Claims<T> {
  /** Controlled by the owner and selected. */
  readonly owned: readonly T[];
  /** Selected and controlled by nobody: to be given a controller reference. */
  readonly adopt: readonly T[];
  /** Controlled by the owner, but not selected any more: to lose their reference. */
  readonly release: readonly T[];
}

/**
 * Sorts objects of one namespace by what the owner should do with them. An owner that is being deleted neither adopts nor
 * releases; an object that is being deleted is not adopted; nor is one that another controller owns.
 */
export function planClaims<T extends KubeObject>(
  owner: KubeObject,
  selector: Selector,
  objects: Iterable<T>,
): Claims<T> {
  const owned: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const ownerLeaves = owner.metadata.deletionTimestamp !== undefined;
  for (const object of objects) {
    const controller = controllerOf(object);
    const selected = matchesSelector(selector, object.metadata.labels);
    if (controller?.uid === owner.metadata.uid && controller !== undefined) {
      if (selected) owned.push(object);
      else if (!ownerLeaves) release.push(object);
    } else if (
      controller === undefined &&
      selected &&
      !ownerLeaves &&
      object.metadata.deletionTimestamp === undefined
    ) {
      adopt.push(object);
    }
  }
  return { owned, adopt, release };
}

/** The same object (its uid) as the API itself shows it. Undefined: it is gone, or another has its name. @throws ApiError */
export async function currentOf<T extends KubeObject>(
  api: Pick<ApiClient, 'get'>,
  type: ResourceType<T>,
  { metadata: { namespace, name = '', uid } }: T,
): Promise<T | undefined> {
  try {
    const found = await api.get(type, { namespace, name });
    return found.metadata.uid === uid ? found : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Asks the API itself whether the owner still is as the cache shows it: the same uid, the same generation, not being deleted. Ask
 * before acting in its name: caches of several types lag by different times, so that the dependents of a deleted or changed
 * owner may look missing or surplus. When it answers false, do nothing: the informer will bring the newer state.
 */
export async function ownerIsCurrent<T extends KubeObject>(
  api: ApiClient,
  type: ResourceType<T>,
  owner: T,
): Promise<boolean> {
  const found = await currentOf(api, type, owner);
  const { generation, deletionTimestamp } = found?.metadata ?? {};
  return found !== undefined && generation === owner.metadata.generation && deletionTimestamp === undefined;
}
