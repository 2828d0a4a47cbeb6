"""GraphQL over HTTP: from a request to what is asked, and from a result to a response. No AWS, no SQL.

Source: the GraphQL over HTTP specification (draft), and Apollo's protocol of automatic persisted queries.
"""
