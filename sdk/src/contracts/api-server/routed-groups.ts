import { defineService, type ServiceToken } from '../../kernel/index.ts';

/** A resource that is served by routes of a plugin. */
export interface RoutedResource {
  /** Plural, lower case; with a slash when it hangs on another one: `pods/http_requests`. */
  readonly name: string;
  readonly namespaced: boolean;
  /** Of what is answered. */
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly singularName?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Of the kind; default: those of the resource. */
  readonly group?: string;
  readonly version?: string;
}

/** A version of a group whose requests are answered by routes, not by resource definitions. */
export interface RoutedGroup {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly RoutedResource[];
}

/** Says what clients find in discovery (`/apis`) beside the resource definitions. */
export interface RoutedGroups {
  /** The same list as long as nothing changes. */
  groups(): readonly RoutedGroup[];
}

/** Token of {@link RoutedGroups}. */
export const routedGroups: ServiceToken<RoutedGroups, 'many'> = defineService<RoutedGroups, 'many'>(
  'api.routed-groups',
  { major: 1, cardinality: 'many', sync: ['groups'] },
);
