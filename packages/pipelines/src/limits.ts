/** Latent models work on blocks of 8 pixels; other sizes are refused instead of rounded. Source: runner-and-models 1.3. */
export const SIDE_STEP = 8;
/** The smallest side a latent model still makes a picture of. */
export const MIN_SIDE = 64;
/** 2048² is four times what the largest supported family is trained for; beyond it one request fills any card. */
export const MAX_SIDE = 2048;
/** A picture is changed at its own size: as many as the largest that is made from words. */
export const MAX_REDRAWN_PIXELS = MAX_SIDE * MAX_SIDE;
/** Sixteen times as many is the largest picture that anybody here opens; from a larger one no answer could be checked. */
export const MAX_UPSCALED_PIXELS = 2048 * 2048;
/** More steps than any schedule gains from. Source: runner-and-models 9.6. */
export const MAX_STEPS = 200;
/** Pictures of one request are made one after another; more belong in more requests. Source: runner-and-models 9.6. */
export const MAX_IMAGES = 10;
/** Finite is what models need; this far out six decimals still write the number faithfully. */
export const MAX_GUIDANCE = 1000;
/** Integers beyond 2^53 cannot be told apart after JSON; the last picture of a request still needs an exact seed. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER - MAX_IMAGES;

/** In UTF-16 units. Encoders read 77 to 512 tokens; a hundred times that is a mistake or an attack. */
export const MAX_PROMPT_LENGTH = 10_000;
/** In UTF-16 units. Model ids on hubs are at most 96 + 1 + 96. */
export const MAX_MODEL_ID_LENGTH = 256;
/** At most 4 LoRAs of a hub id each. Source: runner-and-models 1.2.10. */
export const MAX_LORAS_LENGTH = 4096;
/** Voices are trained for about 600 characters; long texts take minutes. */
export const MAX_SPEECH_LENGTH = 10_000;
/** A 256 × 256 mask written with 20 digits a number is 1.5 million characters. */
export const MAX_JSON_TEXT_LENGTH = 4_000_000;

/** Videos of 25 frames are not shown faster. */
export const MAX_FPS = 60;
/** The models saw motion in these buckets and no others. */
export const MAX_MOTION_BUCKET = 255;
/** Above this nothing of the picture is left. */
export const MAX_NOISE_AUGMENTATION = 10;

/** A conversation longer than this does not fit any context. */
export const MAX_MESSAGES = 1000;
/** In UTF-16 units, one message. A context of 128 Ki tokens holds about 500,000 characters. */
export const MAX_MESSAGE_LENGTH = 1_000_000;
/** The longest context of models in use. */
export const MAX_TOKENS = 131_072;
/** As many, and as long, as other interfaces take; each is looked for in every piece of an answer. */
export const MAX_STOPS = 4;
export const MAX_STOP_LENGTH = 256;
/** No vocabulary is larger. */
export const MAX_TOP_K = 1_000_000;

/** In characters: addresses of the channels of a live stream, which carry a few names each. */
export const MAX_URL_LENGTH = 4096;

/** Audio shorter than this has no billable second. Source: wire-protocol 4.5. */
export const MIN_AUDIO_SECONDS = 1;
