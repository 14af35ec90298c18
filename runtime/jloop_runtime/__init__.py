"""A Java runtime for jloop, in the folder `java`, and the start-up cache made for it. jloop finds both by itself."""
