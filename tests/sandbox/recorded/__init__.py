"""What a real Kubernetes API server answered, and the means to ask again.

``cases`` holds request sequences, ``player`` sends them to a server, ``normal`` takes out of the answers what no two
servers agree about. ``answers.json`` are the answers of a kube-apiserver without kube-controller-manager, written by
``scripts/record_apiserver.py``.
"""
