declare const brand: unique symbol;

/** A `Base` that the compiler keeps apart from every other `Base`, at no cost at run time. */
export type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };
