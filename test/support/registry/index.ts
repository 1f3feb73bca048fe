/** A real registry, filled by a real tool: Debian's packages `docker-registry` and `skopeo`. */
export * from './docker-registry.ts';
export * from './layout.ts';
export * from './skopeo.ts';
