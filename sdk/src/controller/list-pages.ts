import type { ApiClient, ListOptions } from '../contracts/api/index.ts';
import { objectKey, type KubeObject, type ResourceType } from '../kube/index.ts';

/** All pages of a list. */
export interface ListedPages<T> {
  /** The resourceVersion that all pages show. */
  readonly version: string | undefined;
  readonly objects: ReadonlyMap<string, T>;
}

/** Lists page by page. `checkSize` is told how many objects there are so far, and ends the list by a throw. */
export async function listPages<T extends KubeObject>(
  api: ApiClient,
  type: ResourceType<T>,
  options: ListOptions,
  checkSize: (size: number) => void,
): Promise<ListedPages<T>> {
  const objects = new Map<string, T>();
  let version: string | undefined;
  let token: string | undefined;
  do {
    const page = await api.list(type, { ...options, ...(token === undefined ? {} : { continue: token }) });
    version ??= page.metadata.resourceVersion;
    for (const object of page.items) objects.set(objectKey(object), object);
    checkSize(objects.size);
    token = page.metadata.continue;
  } while (token !== undefined && token !== '');
  return { version, objects };
}
