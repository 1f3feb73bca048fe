/** What the controllers of endpoints have in common: EndpointSlices, Endpoints, and the mirror between them. */
export * from './pack-slices.ts';
export * from './server-endpoints.ts';
export * from './service-pods.ts';
export * from './slice-names.ts';
export * from './trigger-time.ts';
