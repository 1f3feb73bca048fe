export * from '@timonel/sdk/linux/cgroup';
