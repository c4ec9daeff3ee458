/**
 * The calls of LiteRT 2.3.0 that the app makes, without code, written by hand from its public documentation: LiteRT's
 * own classes come from Maven and are not at hand where these checks run.
 */
package com.google.ai.edge.litert;
