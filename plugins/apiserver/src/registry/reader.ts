/** Get, list and watch of any kind. Without a resourceVersion they are linearizable: the cache is proven fresh first. */
import type { RangeResult, Store } from '@timonel/sdk/contracts/store';
import { ApiError, apiErrorReason } from '@timonel/sdk/kube';
import { selectionOf, type Selection } from '../cache/selection.ts';
import type { StoreFeed } from '../cache/store-feed.ts';
import { StoredObject } from '../cache/stored-object.ts';
import { ConvertingWatcher } from '../cache/converting-watcher.ts';
import { Watcher, type WatcherItem, type WatcherOptions } from '../cache/watcher.ts';
import type { Kind } from '../kinds/kind-table.ts';
import type { ServedForm } from '../kinds/served-form.ts';
import { badRequest, notFound } from './api-errors.ts';
import { objectKeyOf } from './keys.ts';
import { decodePageToken, encodePageToken } from './page-token.ts';

export interface SelectionOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListQuery extends SelectionOptions {
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
}

export interface WatchQuery extends SelectionOptions {
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
  readonly allowBookmarks?: boolean | undefined;
  readonly sendInitialEvents?: boolean | undefined;
}

export interface ListResult {
  readonly revision: number;
  readonly items: readonly StoredObject[];
  readonly continue: string | undefined;
  readonly remaining: number | undefined;
  /** Of a list of all that a namespace or the cluster has: equal for lists with equal items. */
  readonly state?: ListState;
}

/** The state of a cache that a list shows. */
export interface ListState {
  readonly cache: object;
  readonly version: number;
  readonly namespace: string | undefined;
}

/** Where the objects of a kind are. */
function homeOf(kind: Kind): Kind {
  return kind.view?.stored ?? kind;
}

function selectionFor(kind: Kind, query: SelectionOptions): Selection {
  const { view } = kind;
  return view === undefined
    ? selectionOf(kind.definition, query)
    : selectionOf(kind.definition, query, (stored) => view.convert(stored));
}

const scanPageSize = 500;
const tooOldList = 'The resourceVersion for the provided list is too old.';
const tooOldToken =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

/** @throws ApiError BadRequest */
export function parseRevision(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const revision = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(revision)) {
    throw badRequest(`Invalid value: "${text.slice(0, 64)}": resourceVersion must be a whole number`);
  }
  return revision;
}

export class Reader {
  readonly #store: Store;
  readonly #feed: StoreFeed;
  readonly #limits: { readonly watchQueue: number; readonly watchQueueBytes: number; readonly watches: number };
  #watches = 0;
  readonly #converting = new WeakMap<ServedForm, Set<ConvertingWatcher>>();

  constructor(
    parts: { store: Store; feed: StoreFeed },
    limits: { watchQueue: number; watchQueueBytes: number; watches: number },
  ) {
    this.#store = parts.store;
    this.#feed = parts.feed;
    this.#limits = limits;
  }

  /** Before the store was read, nobody knows all kinds. @throws ApiError ServiceUnavailable */
  checkKindsAreKnown(): void {
    this.#feed.checkLoaded();
  }

  /** @throws ApiError NotFound */
  async get(kind: Kind, namespace: string | undefined, name: string, resourceVersion?: string): Promise<StoredObject> {
    const revision = parseRevision(resourceVersion);
    const key = objectKeyOf(homeOf(kind).definition, namespace, name);
    const behind = revision === undefined ? (await this.#feed.catchUp()).behind : false;
    if (revision !== undefined) await this.#ready(revision);
    const stored = behind ? await this.#read(key) : this.#feed.cache(kind.prefix).get(key);
    if (stored === undefined) throw notFound(homeOf(kind), name);
    if (kind.form !== undefined) return kind.form.present(stored);
    return kind.view?.present(stored) ?? stored;
  }

  async list(kind: Kind, query: ListQuery): Promise<ListResult> {
    const { view } = kind;
    if (kind.form !== undefined) return this.#listConverted(kind, kind.form, query);
    const result = await this.#list(homeOf(kind), query, selectionFor(kind, query));
    if (view === undefined) return result;
    const { state: _ofStored, ...shown } = result;
    return { ...shown, items: result.items.map((stored) => view.present(stored)) };
  }

  /** Fields are looked at in the form that is shown. Who selects by them gets all objects at once: a page may hold any number. */
  async #listConverted(kind: Kind, form: ServedForm, query: ListQuery): Promise<ListResult> {
    const wanted = selectionOf(kind.definition, query);
    const byFields = query.fieldSelector !== undefined && query.fieldSelector !== '';
    const stored = selectionOf(kind.definition, { ...query, fieldSelector: undefined });
    const { state: _ofStored, ...result } = byFields
      ? await this.#list(kind, { ...query, limit: undefined }, { ...stored, name: wanted.name })
      : await this.#list(kind, query, stored);
    const items = await form.presentAll(result.items);
    return { ...result, items: byFields ? items.filter(({ object }) => wanted.matches?.(object) !== false) : items };
  }

  async #list(kind: Kind, query: ListQuery, selection: Selection): Promise<ListResult> {
    const limit = query.limit !== undefined && query.limit > 0 ? query.limit : undefined;
    const revision = this.#listRevision(query);
    if (query.continue) return this.#nextPage(kind, selection, query.continue, limit);
    if (revision !== undefined && revision > 0 && isExact(query.resourceVersionMatch, limit)) {
      await this.#feed.reached(revision);
      if (revision !== this.#feed.revision) {
        return this.#scan(kind, selection, { revision, startKey: scanPrefix(kind, selection) }, limit);
      }
    } else if (revision === undefined) {
      const { behind, revision: now } = await this.#feed.catchUp();
      const start = { revision: now, startKey: scanPrefix(kind, selection) };
      if (behind) return this.#scan(kind, selection, start, limit);
    } else await this.#ready(revision);
    const cache = this.#feed.cache(kind.prefix);
    const items = cache.select(selection);
    // The cache and its revision belong together: nothing is awaited between the two.
    const now = this.#feed.revision;
    if (limit === undefined || items.length <= limit) {
      const { namespace, name, matches } = selection;
      const isWhole = name === undefined && matches === undefined;
      const state = isWhole ? { state: { cache, version: cache.version, namespace } } : {};
      return { revision: now, items, continue: undefined, remaining: undefined, ...state };
    }
    const page = items.slice(0, limit);
    const token = encodePageToken({ revision: now, startKey: items[limit]?.key ?? '' });
    return {
      revision: now,
      items: page,
      continue: token,
      remaining: selection.matches === undefined ? items.length - limit : undefined,
    };
  }

  /** A running watch. The caller ends it. @throws ApiError Expired, BadRequest, TooManyRequests */
  async watch(kind: Kind, query: WatchQuery): Promise<Watcher> {
    const { view } = kind;
    const selection = selectionFor(kind, query);
    const revision = parseRevision(query.resourceVersion);
    this.#checkInitialEvents(query);
    if (this.#watches >= this.#limits.watches) {
      throw new ApiError('TooManyRequests', 'too many watches are open; please try again later', {
        retryAfterSeconds: 1,
      });
    }
    const fromState = query.sendInitialEvents ?? (revision === undefined || revision === 0);
    this.#feed.checkLoaded();
    if (fromState || revision === undefined) await this.#ready(revision);
    const cache = this.#feed.cache(kind.prefix);
    const now = this.#feed.revision;
    const after = fromState || revision === undefined || revision === 0 ? now : revision;
    const options: WatcherOptions = {
      revision: after,
      bookmarks: query.allowBookmarks ?? false,
      queueLimit: this.#limits.watchQueue,
      queueLimitBytes: this.#limits.watchQueueBytes,
      present: view === undefined ? undefined : (stored) => view.present(stored),
    };
    const { form } = kind;
    const converting =
      form === undefined ? undefined : new ConvertingWatcher(selection, options, (event) => form.presentEvent(event));
    const watcher = converting ?? new Watcher(selection, options);
    if (fromState) {
      const end: WatcherItem[] =
        query.sendInitialEvents === true ? [{ type: 'BOOKMARK', revision: now, initialEventsEnd: true }] : [];
      if (form === undefined) watcher.begin([...cache.select(selection).map(asAdded), ...end]);
      else converting?.beginWith(initialOf(form, cache.select({ ...selection, matches: undefined }), selection, end));
    } else {
      for (const event of cache.eventsSince(after)) {
        const inside =
          selection.namespace === undefined || event.stored.object.metadata.namespace === selection.namespace;
        if (inside) watcher.offer(event);
      }
    }
    cache.add(watcher);
    this.#watches += 1;
    if (converting !== undefined && form !== undefined) this.#watchersOf(form).add(converting);
    const removed = watcher.onEnd;
    watcher.onEnd = () => {
      this.#watches -= 1;
      if (converting !== undefined && form !== undefined) this.#watchersOf(form).delete(converting);
      removed?.();
    };
    return watcher;
  }

  /** Ends the watches of objects that are not shown any more, or otherwise than before. */
  endWatches(form: ServedForm): void {
    for (const watcher of this.#watchersOf(form)) watcher.finish();
  }

  #watchersOf(form: ServedForm): Set<ConvertingWatcher> {
    const watchers = this.#converting.get(form) ?? new Set();
    this.#converting.set(form, watchers);
    return watchers;
  }

  async #read(key: string): Promise<StoredObject | undefined> {
    const { kv } = await this.#store.get(key);
    return kv === undefined ? undefined : new StoredObject(key, kv.modRevision, kv.value);
  }

  async #ready(revision: number | undefined): Promise<void> {
    this.#feed.checkLoaded();
    if (revision === undefined) await this.#feed.fresh();
    else if (revision > 0) await this.#feed.reached(revision);
  }

  #listRevision(query: ListQuery): number | undefined {
    const revision = parseRevision(query.resourceVersion);
    const match = query.resourceVersionMatch;
    if (query.continue && revision) throw badRequest('specifying resource version is not allowed when using continue');
    if (match === undefined || match === '') return revision;
    if (query.continue) throw badRequest('resourceVersionMatch is forbidden with continue');
    if (revision === undefined)
      throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      throw badRequest(
        `resourceVersionMatch: Unsupported value: "${match}": supported values: "Exact", "NotOlderThan"`,
      );
    }
    if (match === 'Exact' && revision === 0)
      throw badRequest('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
    return revision;
  }

  #checkInitialEvents(query: WatchQuery): void {
    const { sendInitialEvents, resourceVersionMatch } = query;
    if (sendInitialEvents === undefined) {
      if (resourceVersionMatch)
        throw badRequest('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    } else if (resourceVersionMatch !== 'NotOlderThan') {
      throw badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
    }
  }

  async #nextPage(kind: Kind, selection: Selection, token: string, limit: number | undefined): Promise<ListResult> {
    const { startKey, revision } = decodePageToken(token, scanPrefix(kind, selection));
    if (revision === undefined) {
      return this.#scan(kind, selection, { revision: (await this.#feed.catchUp()).revision, startKey }, limit);
    }
    try {
      return await this.#scan(kind, selection, { revision, startKey }, limit);
    } catch (error) {
      if (apiErrorReason(error) !== 'Expired') throw error;
      const expired = new ApiError('Expired', tooOldToken);
      Object.assign(expired.status.metadata, { continue: encodePageToken({ revision: undefined, startKey }) });
      throw expired;
    }
  }

  /** Reads the store as of one revision. */
  async #scan(
    kind: Kind,
    selection: Selection,
    from: { revision: number; startKey: string },
    limit: number | undefined,
  ): Promise<ListResult> {
    const prefix = scanPrefix(kind, selection);
    const items: StoredObject[] = [];
    let startKey = from.startKey;
    for (;;) {
      const page = await this.#range({ prefix, startKey, revision: from.revision }, limit);
      for (const [index, kv] of page.kvs.entries()) {
        if (limit !== undefined && items.length === limit) {
          const token = encodePageToken({ revision: from.revision, startKey: kv.key });
          const remaining = selection.matches === undefined ? page.count - index : undefined;
          return { revision: from.revision, items, continue: token, remaining };
        }
        const stored = new StoredObject(kv.key, kv.modRevision, kv.value);
        if (selection.matches === undefined || selection.matches(stored.object)) items.push(stored);
      }
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) break;
      startKey = `${last.key}\0`;
    }
    return { revision: from.revision, items, continue: undefined, remaining: undefined };
  }

  async #range(
    options: { prefix: string; startKey: string; revision: number },
    limit: number | undefined,
  ): Promise<RangeResult> {
    const size = Math.min((limit ?? scanPageSize) + 1, scanPageSize);
    try {
      return await this.#store.range({ ...options, limit: size });
    } catch (error) {
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
      if (code === 'FUTURE_REVISION')
        throw badRequest('continue key is not valid: its revision is ahead of the server');
      if (code !== 'COMPACTED') throw error;
      throw new ApiError('Expired', tooOldList);
    }
  }
}

function asAdded(stored: StoredObject): WatcherItem {
  return { type: 'ADDED', stored };
}

async function initialOf(
  form: ServedForm,
  stored: readonly StoredObject[],
  { matches }: Selection,
  end: readonly WatcherItem[],
): Promise<WatcherItem[]> {
  const shown = await form.presentAll(stored);
  return [...shown.filter(({ object }) => matches?.(object) !== false).map(asAdded), ...end];
}

/** As in Kubernetes, a limit makes a list with a version one of precisely that version, so that all pages can be of it. */
function isExact(match: string | undefined, limit: number | undefined): boolean {
  return match === 'Exact' || (!match && limit !== undefined);
}

function scanPrefix(kind: Kind, selection: Selection): string {
  return selection.namespace === undefined ? kind.prefix : `${kind.prefix}${selection.namespace}/`;
}
