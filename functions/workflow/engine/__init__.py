"""The workflow engine: BPMN 2.0 definitions, and one pure function that advances a process.

Nothing here reads a clock, draws a random number, touches a network or knows SQL. ``advance`` takes a
definition, a state and a trigger, and returns the next state with the effects that the service carries out.
"""
