/** Of a request: `refuse` where a name must not lead to the machine itself. */
export const localAddressesHeader = 'timonel-local-addresses';
/** Of a refusal: the system's code, and what it said. */
export const errorHeader = 'timonel-error';
/** The code where a name did lead there; what is said is the address. */
export const localAddressCode = 'ERR_LOCAL_ADDRESS';
