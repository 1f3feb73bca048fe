/**
 * What extends the API server: kinds (resource definitions with a strategy each), admission hooks, and plain HTTP routes.
 * Order of a write: decode → default → `api.object.mutate` → strategy prepare → strategy validate → `api.object.validate` →
 * `api.object.charge` → store.
 */
import {
  bailHook,
  collectHook,
  defineService,
  notifyHook,
  waterfallHook,
  type HookToken,
  type ServiceToken,
} from '../../kernel/index.ts';
import type { ApiError, FieldError, KubeObject, ObjectMeta, ResourceType, Status } from '../../kube/index.ts';
import type { DeleteOptions, ObjectName } from '../api/index.ts';
import type { ClientCertificate, UserInfo } from '../auth/index.ts';
import type { AccessAttributes, AccessDecision, AnswerContext, ListedContext, WriteContext } from './answers.ts';
import type { ConnectionHandler } from './connections.ts';
import type { UntypedForm } from './derived-kinds.ts';
import type { StoredAs } from './stored-as.ts';

export * from './answers.ts';
export type * from './connections.ts';
export type * from './stored-as.ts';

/** A column of `kubectl get`. Source: meta/v1 TableColumnDefinition. */
export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean' | 'number';
  readonly format?: string;
  readonly description: string;
  /** 0: always shown; 1: with `-o wide`. */
  readonly priority: number;
}

/** Time as the table needs it. `now`: ms since the epoch. */
export interface TableContext {
  readonly now: number;
}

/** A kind's objects on the way in and out. Objects given to `default` and `prepare…` are private copies and may be changed. */
export interface Strategy<T extends KubeObject = KubeObject> {
  /**
   * Fills in what the user left out, as the real API server does. Must be idempotent: run at every create and update, of
   * the status too, over what is stored already. Reads show objects as they were written.
   */
  default?(object: T): void;
  /** Drops what users may not set (status), sets what the server sets. Metadata is done by the server itself. */
  prepareForCreate?(object: T, context?: WriteContext): void;
  /** The same for an update; raises `metadata.generation` when the spec changed if `generation` of the definition is true: done by the server. */
  prepareForUpdate?(object: T, old: T): void;
  /** All findings; none: valid. Must not change the object. Metadata is checked by the server. */
  validate?(object: T): FieldError[];
  /** All findings of an update, those of `validate` included; when absent, `validate` checks updates too. */
  validateUpdate?(object: T, old: T): FieldError[];
  /**
   * What takes long to check, so that others have their turn meanwhile: asked after the checks above and `validateStatusUpdate`, of
   * creates and updates, of the status too. `found`: what those say; its findings are added to them.
   */
  validateInTurns?(object: T, old: T | undefined, found: readonly FieldError[]): Promise<FieldError[]>;
  /** For a write to /status: `object` has the spec of `old` already, and its metadata but for what `statusMetadata` says. */
  prepareStatusUpdate?(object: T, old: T): void;
  validateStatusUpdate?(object: T, old: T): FieldError[];
  /** Texts for Warning headers. */
  warnings?(object: T): string[];
  /** Values for field selectors beside metadata.name and metadata.namespace. */
  selectableFields?(object: T): Record<string, string>;
  /**
   * For kinds that die gracefully (pods): the grace period in seconds this deletion gets; 0: remove at once. Undefined method:
   * always at once (finalizers are the server's business).
   */
  gracePeriodSeconds?(object: T, requestedSeconds: number | undefined): number;
  /** What keeps a deleted object beside metadata.finalizers: `spec.finalizers` of namespaces. It goes when both are empty. */
  finalizers?(object: T): readonly string[];
  /** When a deletion only marks the object (finalizers, grace period): namespaces become Terminating. */
  prepareForDelete?(object: T): void;
  /** Cells of one table row, in the order of `columns`. */
  cells?(object: T, context: TableContext): (string | number | boolean | null)[];
}

/** How /scale maps onto a kind. JSON paths with dots, as in CustomResourceDefinition `subresources.scale`. */
export interface ScaleMapping {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  /** Path of the label selector object. */
  readonly selectorPath: string;
}

/** A request to a subresource that has its own code (binding, log, …). */
export interface SubresourceRequest {
  readonly method: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly user: UserInfo;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** An answer that is an object (sent as JSON) or a byte stream. */
export type SubresourceResponse =
  | { readonly kind: 'object'; readonly status: number; readonly object: unknown }
  | { readonly kind: 'stream'; readonly contentType: string; readonly stream: AsyncIterable<Uint8Array> };

/** What code of a subresource may do with the object it hangs on. */
export interface SubresourceAccess<T extends KubeObject = KubeObject> {
  get(): Promise<T>;
  /** Read-modify-write with retries on conflict; `change` gets a private copy and may throw ApiError. */
  update(change: (object: T) => void): Promise<T>;
  /** Deletes the object as a DELETE request would: pods/eviction. */
  delete(options?: DeleteOptions): Promise<T>;
  /**
   * Another object, whoever asks; undefined: there is none, or nobody serves the type. `atHand`: as this server knows it, which costs no
   * question to the store and may be a moment old. Default: `fresh`.
   */
  find<O extends KubeObject>(
    type: ResourceType<O>,
    name: ObjectName,
    freshness?: 'fresh' | 'atHand',
  ): Promise<O | undefined>;
  /** All objects of another type in a namespace, whoever asks, as they are now. Empty: there are none, or nobody serves the type. */
  list<O extends KubeObject>(type: ResourceType<O>, namespace: string | undefined): Promise<readonly O[]>;
  /** As `update`, of another object. */
  updateOther<O extends KubeObject>(type: ResourceType<O>, name: ObjectName, change: (object: O) => void): Promise<O>;
}

export interface SubresourceHandler<T extends KubeObject = KubeObject> {
  readonly methods: readonly ('GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE')[];
  /** Kind in discovery, for example `Binding`. */
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  handle(request: SubresourceRequest, access: SubresourceAccess<T>): Promise<SubresourceResponse>;
}

/** A subresource by which a part of the object is read and written, as the status is by /status: GET, PUT and PATCH of the whole object. */
export interface PartSubresource<T extends KubeObject = KubeObject> {
  /** Takes over into `object`, a private copy of the current one, what the subresource may change of `wanted`. */
  take(object: T, wanted: T, context: WriteContext): void;
  validate?(object: T, old: T): FieldError[] | Promise<FieldError[]>;
}

/** What writers may change of metadata. */
export type WritableMetadata = 'labels' | 'annotations' | 'finalizers' | 'ownerReferences';

/** One kind in one group and version. */
export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural, lower case: `pods`. */
  readonly resource: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Key of the kind's schema in `schemas` of the provider: `io.k8s.api.core.v1.Pod`. */
  readonly schema: string;
  /** Whether metadata.generation counts changes of the spec. */
  readonly generation: boolean;
  readonly status: boolean;
  /** What writes to /status and `parts` take along, as many kinds of Kubernetes do; true: all of it. Default: nothing. */
  readonly statusMetadata?: true | readonly WritableMetadata[];
  readonly scale: ScaleMapping | undefined;
  readonly subresources: Readonly<Record<string, SubresourceHandler<T>>>;
  /** Subresources that are connections, by name: `exec`, `proxy`. */
  readonly connections?: Readonly<Record<string, ConnectionHandler<T>>>;
  /** By name: `approval`. */
  readonly parts?: Readonly<Record<string, PartSubresource<T>>>;
  /** For a kind that shows the objects of another one. Its strategy needs nothing but `cells` and `selectableFields`. */
  readonly storedAs?: StoredAs<T>;
  /** For a kind that is described while the cluster runs. */
  readonly untyped?: UntypedForm;
  /** For a kind that is never stored: answers a POST with the object completed. Nothing but create is served. */
  answer?(object: T, context: AnswerContext): Promise<T>;
  /** For a kind that is never stored and only read: all its objects, made anew at each get and list. */
  listed?(context: ListedContext): Promise<readonly T[]>;
  /** For a kind that is never stored: a POST goes to a subresource of the object of the same name. `bindings`. */
  readonly postsTo?: { readonly resource: string; readonly subresource: string };
  /** Its objects go by themselves, some time after they were written last: `timing.eventTtlMs` of the server. Default false. */
  readonly expires?: boolean;
  /** Verbs of {@link objectVerbs} that are not served: `deletecollection` of namespaces. */
  readonly withoutVerbs?: readonly string[];
  readonly columns: readonly TableColumn[];
  readonly strategy: Strategy<T>;
  /** Check of metadata.name. Default: RFC 1123 subdomain. */
  readonly nameProblems?: (name: string) => string[];
}

/**
 * A schema object of OpenAPI 3.0, as Kubernetes publishes it: `properties`, `items`, `required`, `description`, `$ref` to
 * `#/components/schemas/<key>`, `x-kubernetes-patch-strategy`, `x-kubernetes-patch-merge-key`, `x-kubernetes-int-or-string`,
 * `x-kubernetes-group-version-kind`, …
 */
export type OpenApiSchema = Readonly<Record<string, unknown>>;

/** What can be done to the objects of a stored kind, as discovery names it. */
export const objectVerbs: readonly string[] = Object.freeze([
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]);

/** Contributes kinds. The server picks up changes while it runs. */
export interface ResourceProvider {
  definitions(): readonly ResourceDefinition[];
  /** By key; holds every schema that the definitions reach. */
  schemas(): Readonly<Record<string, OpenApiSchema>>;
}

/** Token of the resource providers. */
export const resourceProvider: ServiceToken<ResourceProvider, 'many'> = defineService<ResourceProvider, 'many'>(
  'api.resources',
  { major: 1, cardinality: 'many', sync: ['definitions', 'schemas'] },
);

/** An HTTP request to a plugin's own route. Authenticated already, unless the route is `anonymous`. */
export interface RouteRequest {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Parsed JSON or YAML; undefined without a body. */
  readonly body: unknown;
  /** `system:anonymous` of group `system:unauthenticated` for a stranger on an `anonymous` route. */
  readonly user: UserInfo;
  /** The client certificate of the connection, when it is verified and valid. */
  readonly certificate: ClientCertificate | undefined;
  /** IP address of the client's end of the connection. */
  readonly remoteAddress: string;
  /** The Accept header; empty without one. */
  readonly accept: string;
  readonly signal: AbortSignal;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `:name` parts, as koa-router takes it: `/apis/kernel.timonel.dev/v1/plugins/:name`. */
  readonly path: string;
  /**
   * Served to callers without credentials too: the handler must find out itself whom it lets in. Bodies are at most 64 KiB.
   * Default false.
   */
  readonly anonymous?: boolean;
  /** A thrown ApiError becomes its Status. */
  handle(request: RouteRequest): Promise<SubresourceResponse>;
}

/** Contributes routes. Asked at each change of the set of providers. */
export interface RouteProvider {
  routes(): readonly Route[];
}

/** Token of the route providers. */
export const routeProvider: ServiceToken<RouteProvider, 'many'> = defineService<RouteProvider, 'many'>('api.routes', {
  major: 1,
  cardinality: 'many',
  sync: ['routes'],
});

/** The API at one more address. */
export interface FurtherListener {
  readonly port: number;
  /** Ends its connections, too. */
  close(): Promise<void>;
}

/** Where the API is served. */
export interface ApiEndpoint {
  /** `https://127.0.0.1:6443`, once it listens. */
  url(): string;
  /** PEM of the authorities that are believed, the one first that signed the certificate of the server. They change when the authority is replaced. */
  caCertificate(): string;
  /**
   * Serves at one more IP address of this machine, with the same certificate: at the port of `url`, or any free one where that is taken.
   * Clients that `admits` does not know, by their IP address, are cut off before they say anything. Where the server listens at every
   * address, nothing is opened, and everybody is admitted. It ends with the server. @throws Error with the code of listen(2)
   */
  listenAlso(address: string, admits: (clientAddress: string) => boolean): Promise<FurtherListener>;
}

/** Token of the served endpoint. */
export const apiEndpoint: ServiceToken<ApiEndpoint, 'one'> = defineService<ApiEndpoint>('api.endpoint', {
  major: 1,
  cardinality: 'one',
  sync: ['url', 'caCertificate'],
});

/** A name under which objects are served. */
export type ServedName = Pick<ResourceDefinition, 'group' | 'version' | 'resource' | 'kind'>;

/** The circumstances of an admission. */
export interface AdmissionContext {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  /** Empty for the object itself; `status`, `scale`, `binding`, … */
  readonly subresource: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly user: UserInfo;
  /** For UPDATE and DELETE. Frozen. */
  readonly oldObject: KubeObject | undefined;
  readonly dryRun: boolean;
  /** What the client asked for, where that shows the objects of this kind in another shape. */
  readonly asked?: ServedName;
  /** All names of the same objects, for those who are asked by name: other versions, other groups. */
  readonly servedAs?: readonly ServedName[];
}

/** An object under admission, with its open fields. */
export type AdmissionObject = KubeObject & { metadata: ObjectMeta } & Record<string, unknown>;

/**
 * A finding that refuses the request with an error of its own (404, 403) in place of 422. A tap returns it rather than
 * throwing: a throw counts as a fault of the plugin.
 */
export interface AdmissionRefusal extends FieldError {
  readonly status: Status;
}

/** Makes the finding of an error. */
export function refuse(error: ApiError): AdmissionRefusal {
  return { field: '', reason: error.reason, message: error.message, status: error.status };
}

/** The hooks the API server owns. */
export const apiHooks: {
  readonly objectMutate: HookToken<AdmissionObject, AdmissionContext, AdmissionObject, AdmissionObject>;
  readonly objectValidate: HookToken<AdmissionObject, AdmissionContext, readonly FieldError[], FieldError[]>;
  readonly objectCharge: HookToken<AdmissionObject, AdmissionContext, readonly FieldError[], FieldError[]>;
  readonly objectUnwritten: HookToken<AdmissionObject, AdmissionContext, void, void>;
  readonly accessDecide: HookToken<AccessAttributes, undefined, AccessDecision, AccessDecision | undefined>;
} = Object.freeze({
  objectMutate: waterfallHook<AdmissionObject, AdmissionContext>('api.object.mutate', {
    description:
      'Before an object is validated on create and update. A tap returns the changed object (it may change the one it got) or undefined. Called once more, with what became of the object, where webhooks or policies changed it.',
    deadlineMs: 2000,
    budgetMs: 3000,
    stages: { defaults: -100, policy: 0, allocate: 100 },
  }),
  objectValidate: collectHook<AdmissionObject, AdmissionContext, FieldError>('api.object.validate', {
    description:
      'After mutation, before the store, on create, update and delete, and before a connection is made (CONNECT: the object holds the options of the request). A tap returns findings, which refuse the request with 422 (or as `refuse` says); it must not change the object.',
    deadlineMs: 2000,
    budgetMs: 3000,
    stages: { policy: 0 },
  }),
  objectCharge: collectHook<AdmissionObject, AdmissionContext, FieldError>('api.object.charge', {
    description:
      'Before an object is stored on create and update, when nothing refuses it: for what is counted or set aside for it. A tap returns findings, which refuse the request as those of `api.object.validate` do; it must not change the object.',
    deadlineMs: 2000,
    budgetMs: 3000,
  }),
  objectUnwritten: notifyHook<AdmissionObject, AdmissionContext>('api.object.unwritten', {
    description:
      'After `api.object.charge`, with the very same object and context, when the object was surely not stored: another tap refused it, its name was taken, somebody else was faster. Not called when nobody knows whether it was.',
    deadlineMs: 2000,
    budgetMs: 3000,
  }),
  accessDecide: bailHook<AccessAttributes, undefined, AccessDecision>('api.access.decide', {
    description:
      'Whether a user may do something. Asked before every request over HTTPS of users who are not of the group system:masters, and by the access reviews of authorization.k8s.io. The first answer decides; without one, everybody who is authenticated may do everything, or nobody anything, as `access` of the API server says.',
    deadlineMs: 2000,
    budgetMs: 3000,
    stages: { early: -100, decide: 0, last: 100 },
  }),
});

export * from './administrators.ts';
export * from './define-kind.ts';
export * from './delegate.ts';
export * from './derived-kinds.ts';
export * from './forbidden.ts';
export * from './pod-creation.ts';
export * from './path-parameter.ts';
export * from './request-gate.ts';
export * from './route-body.ts';
export * from './routed-groups.ts';
export * from './service-dialer.ts';
