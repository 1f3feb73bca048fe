import { definePlugin } from '@timonel/sdk';

export default definePlugin({
  name: 'hello',
  version: '1.0.0',
  apiVersion: 1,
  setup(ctx) {
    ctx.log.info({}, 'hello');
  },
});
