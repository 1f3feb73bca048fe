/** Schedulers made of profiles, which are configured as those of Kubernetes are. */
export * from './check-profiles.ts';
export * from './profile-base.ts';
export * from './profile-config.ts';
export * from './profile-scheduler.ts';
