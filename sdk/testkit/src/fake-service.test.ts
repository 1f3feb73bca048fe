import { describe, expect, it } from '@jest/globals';
import { defineService } from '@timonel/sdk';
import { fakeService } from './fake-service.ts';
import { startTestKernel } from './test-kernel.ts';

interface Thing {
  given(): Promise<number>;
  missing(): Promise<number>;
  count(): number;
}
const thing = defineService<Thing>('fake.thing', { major: 1, cardinality: 'one', sync: ['count'] });

describe('fakeService', () => {
  it('answers what is given, and says what is not', async () => {
    await using kernel = await startTestKernel({ plugins: [fakeService(thing, { given: () => Promise.resolve(7) })] });
    const service = kernel.service(thing);
    expect(await service.given()).toBe(7);
    await expect(service.missing()).rejects.toThrow(`the fake of service 'fake.thing' has no 'missing'`);
    expect(() => service.count()).toThrow(`has no 'count'`);
  });
});
