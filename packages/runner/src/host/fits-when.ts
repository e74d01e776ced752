/** What an operator can do, or a caller, when a model has run out of memory: the end of the sentence that says so. */
export const FITS_WHEN = "a smaller request may fit, or fewer models in memory at once";
