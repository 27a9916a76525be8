// Of variables: whose they are.

export const EFI_GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
export const EFI_IMAGE_SECURITY_DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
/** Of shim: MokList and its kin. */
export const SHIM_LOCK = '605dab50-e046-4300-abb6-3dd810dd8b23';
/** Of systemd-boot and systemd-stub. */
export const LOADER = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
