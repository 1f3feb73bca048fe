/** What a driver's CSIDriver object says; while the API is away, what it said last. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { isApiAbsent } from '@timonel/sdk/controller';
import { errorMessage } from '@timonel/sdk';
import { csiDrivers, isNotFound } from '@timonel/sdk/kube';
import type { DriverSpec } from './requests.ts';

export class DriverSpecs {
  readonly #api: ApiClient;
  readonly #known = new Map<string, DriverSpec>();

  constructor(api: ApiClient) {
    this.#api = api;
  }

  /** Without an object, the defaults of one hold. @throws VolumeError when the API is away and it was never read */
  async get(name: string): Promise<DriverSpec> {
    try {
      const { spec = {} } = await this.#api.get(csiDrivers, { name });
      this.#known.set(name, spec);
      return spec;
    } catch (error) {
      if (isNotFound(error)) {
        this.#known.delete(name);
        return {};
      }
      const known = this.#known.get(name);
      if (known !== undefined && isApiAbsent(error)) return known;
      throw new VolumeError(`CSIDriver ${name} cannot be read: ${errorMessage(error)}`, { cause: error });
    }
  }
}
