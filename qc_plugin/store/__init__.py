"""Objects of an S3 store: listed, copied while they are hashed, put once. The only door to boto3.

Doors: `address.place_of(text)`, `s3.S3()`, `s3.client(service)`.
"""
