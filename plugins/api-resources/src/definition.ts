export { defineKind, type KindInput } from '@timonel/sdk/contracts/api-server';
