"""How are models that draw molecules trained?"""
