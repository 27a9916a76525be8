/** Our arc: 2.25 and a UUID as a number (ITU-T X.667), 78342b21-8c67-49fd-b8ec-ec30133cb9fd. Fixed for ever. */
const ARC = '2.25.159778233732428805925205209005305483773';

/** Extended key usage of a health certificate: this key receives what a relying party releases to a healthy host. */
export const HOST_HEALTH = `${ARC}.1.1`;
/** The extension that holds the claims. */
export const HOST_HEALTH_CLAIMS = `${ARC}.2.1`;
