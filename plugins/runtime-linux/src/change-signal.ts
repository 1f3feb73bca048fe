export * from '@timonel/sdk/linux';
